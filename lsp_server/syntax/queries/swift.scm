;;; outline
(class_declaration name: (_) @name body: (_) @body) @class
(protocol_declaration name: (_) @name body: (_) @body) @class
(inheritance_specifier inherits_from: (_) @extends)

(function_declaration) @function
(protocol_function_declaration name: (simple_identifier) @name) @method
(init_declaration "init" @name body: (_)? @body) @method
(deinit_declaration "deinit" @name body: (_) @body) @method
(subscript_declaration "subscript" @name (computed_property) @body) @method
(property_declaration
  name: (pattern bound_identifier: (_) @name)
  computed_value: (_) @body) @variable
(property_declaration name: (pattern bound_identifier: (_) @name)) @variable
(protocol_property_declaration name: (pattern bound_identifier: (_) @name)) @field
(enum_entry name: (simple_identifier) @name) @field
(typealias_declaration . name: (type_identifier) @name) @type
(typealias_declaration (modifiers) . name: (type_identifier) @name) @type
(associatedtype_declaration . name: (type_identifier) @name) @type

(lambda_literal) @local
(computed_property) @local
(willset_didset_block) @local
(modifiers (attribute) @skip)
(comment) @skip

(import_declaration) @import

;;; places
(comment) @comment
(multiline_comment) @comment
(line_string_literal) @string
(multi_line_string_literal) @string
(raw_string_literal) @string
(line_str_text) @text
(multi_line_str_text) @text
(interpolated_expression) @inside
