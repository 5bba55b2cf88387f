;;; outline
(class_definition
  name: (identifier) @name @head
  superclasses: (argument_list)? @bases @head
  body: (block) @body) @class

(function_definition
  name: (identifier) @name
  parameters: (parameters) @head
  return_type: (type)? @head
  body: (block) @body) @function

(decorated_definition) @outer
(block . (expression_statement . (string) @doc))
(parameters (comment) @skip)
(lambda) @local

(class_definition
  body: (block (expression_statement (assignment left: (identifier) @name) @field)))
(class_definition
  body: (block
    (expression_statement (assignment left: (identifier) @name) @field)
    . (expression_statement (string) @below)))
(class_definition
  body: (block (expression_statement
    (assignment left: (identifier) right: (assignment left: (identifier) @name) @field))))
(function_definition
  body: (block (expression_statement
    (assignment left: (attribute object: (identifier) @self attribute: (identifier) @name))
    @attribute)))
(function_definition
  body: (block (expression_statement
    (assignment left: (pattern_list
      (attribute object: (identifier) @self attribute: (identifier) @name)))
    @attribute)))

(module (expression_statement (assignment left: (identifier) @name) @variable))
(module (expression_statement
  (assignment left: (pattern_list (identifier) @name)) @variable))
(module
  (expression_statement (assignment left: (identifier) @name) @variable)
  . (expression_statement (string) @below))
(module (if_statement
  (block (expression_statement (assignment left: (identifier) @name) @variable))))
(module (try_statement
  (block (expression_statement (assignment left: (identifier) @name) @variable))))
(type_alias_statement left: (type) @name) @type

(import_statement) @import
(import_from_statement) @import

;;; places
(comment) @comment
(string) @string
(string_content) @text
(interpolation) @code
