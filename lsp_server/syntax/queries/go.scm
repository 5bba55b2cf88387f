;;; outline
(type_declaration "type" . (type_spec
  name: (_) @name type: [(struct_type (_) @body) (interface_type "{" @body)])) @class
(type_declaration "(" (type_spec
  name: (_) @name type: [(struct_type (_) @body) (interface_type "{" @body)]) @class)
(type_declaration "type" . [(type_spec name: (_) @name) (type_alias name: (_) @name)]) @type
(type_declaration "(" [(type_spec name: (_) @name) (type_alias name: (_) @name)] @type)

(type_spec type: (struct_type (field_declaration_list
  (field_declaration name: (field_identifier) @name) @field)))
(type_spec type: (struct_type (field_declaration_list
  (field_declaration !name type: [
    (type_identifier) @name @extends
    (qualified_type name: (_) @name) @extends
    (generic_type type: (_) @name @extends)]) @field)))
(type_spec type: (interface_type (type_elem . [(type_identifier) (qualified_type)] @extends .)))
(type_spec type: (interface_type (method_elem name: (_) @name) @method))
(field_declaration tag: (_) @skip)

(function_declaration name: (_) @name body: (_)? @body) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @container))
  name: (_) @name
  body: (_)? @body) @method
(func_literal body: (_) @local)
(parameter_list (comment) @skip)

(source_file (const_declaration "const" . (const_spec name: (identifier) @name)) @variable)
(source_file (const_declaration "(" (const_spec name: (identifier) @name) @variable))
(source_file (var_declaration "var" . (var_spec name: (identifier) @name)) @variable)
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @variable)))

(import_spec) @import

;;; places
(comment) @comment
(interpreted_string_literal) @string
(raw_string_literal) @string
(rune_literal) @string
(interpreted_string_literal_content) @text
