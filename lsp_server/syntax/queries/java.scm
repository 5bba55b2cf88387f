;;; outline
(class_declaration
  name: (_) @name
  superclass: (_)? @bases
  interfaces: (_)? @bases
  body: (_) @body) @class
(interface_declaration
  name: (_) @name
  (extends_interfaces)? @bases
  body: (_) @body) @class
(record_declaration
  name: (_) @name
  interfaces: (_)? @bases
  body: (_) @body) @class
(enum_declaration
  name: (_) @name
  interfaces: (_)? @bases
  body: (_) @body) @class
(annotation_type_declaration name: (_) @name body: (_) @body) @class

(method_declaration name: (_) @name body: (_)? @body) @method
(constructor_declaration name: (_) @name body: (_) @body) @method
(compact_constructor_declaration name: (_) @name body: (_) @body) @method
(annotation_type_element_declaration name: (_) @name) @method

(field_declaration declarator: (variable_declarator name: (_) @name)) @field
(constant_declaration declarator: (variable_declarator name: (_) @name)) @field
(enum_constant name: (_) @name) @field
(record_declaration parameters: (formal_parameters (formal_parameter name: (_) @name) @field))

(object_creation_expression (class_body) @local)
(enum_constant body: (_) @local)
(lambda_expression body: (_) @local)
(static_initializer) @local
(class_body (block) @local)
(modifiers [(annotation) (marker_annotation)] @skip)
(formal_parameters [(line_comment) (block_comment)] @skip)

(import_declaration) @import

;;; places
(line_comment) @comment
(block_comment) @comment
(string_literal) @string
(character_literal) @string
(string_fragment) @text
(string_interpolation) @code
