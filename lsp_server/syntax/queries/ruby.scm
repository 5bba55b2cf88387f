;;; outline
(class name: (_) @name @head superclass: (_)? @bases @head body: (_)? @body) @class
(module name: (_) @name @head body: (_)? @body) @namespace
(method name: (_) @name @head parameters: (_)? @head body: (_)? @body) @function
(singleton_method name: (_) @name @head parameters: (_)? @head body: (_)? @body) @function
(assignment left: (constant) @name) @variable
(program (assignment left: (global_variable) @name) @variable)
(call
  method: (identifier) @accessor
  arguments: (argument_list (simple_symbol) @name)) @field
(body_statement (assignment left: (instance_variable) @name) @attribute)
(body_statement (operator_assignment left: (instance_variable) @name) @attribute)
(body_statement (assignment
  left: (left_assignment_list (instance_variable) @name)) @attribute)
(method_parameters (comment) @skip)

(program (call method: (identifier) arguments: (argument_list (string))) @import)
(call !receiver method: (identifier) arguments: (argument_list . (string) .)) @import

;;; places
(comment) @comment
(string) @string
(string_content) @text
(heredoc_content) @text
(regex) @string
(interpolation) @code
