;;; builds on javascript
;;; outline
(abstract_class_declaration
  name: (_) @name
  (class_heritage)? @bases
  body: (class_body) @body) @class
(interface_declaration
  name: (_) @name
  (extends_type_clause)? @bases
  body: (_) @body) @class
(enum_declaration name: (_) @name body: (_) @body) @class
(internal_module name: (_) @name body: (_) @body) @namespace
(module name: (_) @name body: (_) @body) @namespace

(function_signature name: (identifier) @name) @function
(interface_body (method_signature name: (_) @name) @method)
(class_body (method_signature name: (_) @name) @method)
(type_alias_declaration value: (object_type (method_signature name: (_) @name) @method))
(abstract_method_signature name: (_) @name) @method

(public_field_definition
  name: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
(public_field_definition name: (_) @name) @field
(interface_body (property_signature name: (_) @name) @field)
(type_alias_declaration value: (object_type (property_signature name: (_) @name) @field))
(enum_body [(property_identifier) (string)] @name @field)
(enum_assignment name: (_) @name) @field
(method_definition
  name: (property_identifier) @constructor
  parameters: (formal_parameters
    (required_parameter (accessibility_modifier) pattern: (identifier) @name) @attribute))

(type_alias_declaration name: (_) @name) @type
(type_alias_declaration name: (_) @name value: (object_type) @body) @class
(ambient_declaration
  [(lexical_declaration (variable_declarator name: (identifier) @name))
   (variable_declaration (variable_declarator name: (identifier) @name))] @variable)
(statement_block (export_statement
  declaration: (lexical_declaration (variable_declarator name: (identifier) @name)) @variable))
