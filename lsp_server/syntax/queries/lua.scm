;;; outline
(function_declaration name: (identifier) @name parameters: (_) @head body: (_)? @body) @function
(function_declaration
  name: (dot_index_expression table: (_) @container field: (_) @name)
  parameters: (_) @head
  body: (_)? @body) @function
(function_declaration
  name: (method_index_expression table: (_) @container method: (_) @name)
  parameters: (_) @head
  body: (_)? @body) @method
(assignment_statement
  (variable_list . name: (dot_index_expression table: (_) @container field: (_) @name))
  (expression_list . value: (function_definition parameters: (_) @head body: (_)? @body))) @function
(variable_declaration (assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_definition parameters: (_) @head body: (_)? @body))))
  @function
(field
  name: (identifier) @name
  value: (function_definition parameters: (_) @head body: (_)? @body)) @method

(chunk (assignment_statement (variable_list
  name: (dot_index_expression table: (_) @container field: (_) @name))) @field)
(chunk (assignment_statement (variable_list name: (identifier) @name)) @variable)
(chunk (variable_declaration
  (assignment_statement (variable_list name: (identifier) @name))) @variable)
(function_definition body: (_) @local)

(variable_declaration (assignment_statement
  (expression_list . value: (function_call name: (identifier))))) @import
(chunk (function_call name: (identifier)) @import)

;;; places
(comment) @comment
(string) @string
(string content: (_) @text)
