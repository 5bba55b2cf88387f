;;; outline
(create_table (object_reference name: (_) @name) (column_definitions) @body) @class
(create_view (object_reference name: (_) @name) (create_query) @body) @class
(create_materialized_view (object_reference name: (_) @name) (create_query) @body) @class
(create_function (object_reference name: (_) @name) (function_body) @body) @function
(create_type (object_reference name: (_) @name)) @type
(column_definition name: (_) @name) @field
(column_definition (comment) @skip)

;;; places
(comment) @comment
(marginalia) @comment
(literal) @literal
