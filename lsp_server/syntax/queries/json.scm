;;; outline
(document (object (pair key: (_) @name) @section))
(document (object (pair value: (object (pair key: (_) @name) @section))))

;;; places
(comment) @comment
(string) @string
(string_content) @text
