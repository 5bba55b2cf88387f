;;; outline
(document (pair . (_) @name) @section)
(table . (_) @name) @section
(table_array_element . (_) @name) @section
(table (pair . (_) @name) @section)
(table_array_element (pair . (_) @name) @section)

;;; places
(comment) @comment
(string) @string
