;;; outline
(class_declaration
  name: (_) @name
  (delegation_specifiers)? @bases
  [(class_body) (enum_class_body)] @body) @class
(class_declaration name: (_) @name (delegation_specifiers)? @bases) @class
(object_declaration name: (_) @name (delegation_specifiers)? @bases (class_body)? @body) @class

(function_declaration name: (_) @name (function_body)? @body) @function
(secondary_constructor
  "constructor" @name (function_value_parameters) @head (block)? @body) @method
(property_declaration (variable_declaration . (identifier) @name) (getter) @body) @variable
(property_declaration (variable_declaration . (identifier) @name)) @variable
(class_parameter ["val" "var"] . (identifier) @name) @field
(enum_entry . (identifier) @name) @field
(type_alias type: (identifier) @name) @type

(anonymous_initializer) @local
(lambda_literal) @local
(getter) @local
(setter) @local
(object_literal) @local
(modifiers (annotation) @skip)
(function_value_parameters [(line_comment) (block_comment)] @skip)
(class_parameters [(line_comment) (block_comment)] @skip)

(import) @import

;;; places
(line_comment) @comment
(block_comment) @comment
(string_literal) @string
(multiline_string_literal) @string
(character_literal) @string
(string_content) @text
(interpolation) @code
