;;; outline
(class_declaration
  name: (_) @name
  (base_clause)? @bases
  (class_interface_clause)? @bases
  body: (_) @body) @class
(interface_declaration name: (_) @name (base_clause)? @bases body: (_) @body) @class
(trait_declaration name: (_) @name body: (_) @body) @class
(enum_declaration name: (_) @name (class_interface_clause)? @bases body: (_) @body) @class
(namespace_definition name: (_) @name body: (_) @body) @namespace
(declaration_list (use_declaration [(name) (qualified_name)] @extends))

(function_definition name: (_) @name body: (_) @body) @function
(method_declaration name: (_) @name body: (_)? @body) @method
(property_declaration (property_element name: (variable_name (name) @name))) @field
(property_promotion_parameter name: (variable_name (name) @name)) @attribute
(const_declaration (const_element . (name) @name)) @variable
(enum_case name: (_) @name) @field

(anonymous_function body: (_) @local)
(arrow_function body: (_) @local)
(attribute_list) @skip
(formal_parameters (comment) @skip)

(namespace_use_declaration) @import
(require_expression) @import
(require_once_expression) @import
(include_expression) @import
(include_once_expression) @import

;;; places
(comment) @comment
(string) @string
(encapsed_string) @string
(heredoc) @string
(nowdoc) @string
(string_content) @text
