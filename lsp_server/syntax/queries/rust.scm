;;; outline
(struct_item name: (_) @name body: (_)? @body) @class
(union_item name: (_) @name body: (_) @body) @class
(enum_item name: (_) @name body: (_) @body) @class
(trait_item name: (_) @name bounds: (_)? @bases body: (_) @body) @class
(impl_item trait: (_)? @bases type: (_) @name body: (_) @body) @class
(mod_item name: (_) @name body: (_) @body) @namespace

(struct_item body: (field_declaration_list (field_declaration name: (_) @name) @field))
(union_item body: (field_declaration_list (field_declaration name: (_) @name) @field))
(enum_variant name: (_) @name) @field

(function_item name: (_) @name body: (_) @body) @function
(function_signature_item name: (_) @name) @function
(macro_definition name: (_) @name "{" @body) @function
(macro_definition name: (_) @name "(" @body) @function
(closure_expression) @local
(parameters [(line_comment) (block_comment)] @skip)

(const_item name: (_) @name) @variable
(static_item name: (_) @name) @variable
(type_item name: (_) @name) @type
(associated_type name: (_) @name) @type

(use_declaration) @import
(extern_crate_declaration) @import
(mod_item !body) @import

;;; places
(line_comment) @comment
(block_comment) @comment
(string_literal) @string
(raw_string_literal) @string
(char_literal) @string
(string_content) @text
