;;; outline
(class_declaration name: (_) @name (base_list)? @bases body: (_)? @body) @class
(struct_declaration name: (_) @name (base_list)? @bases body: (_)? @body) @class
(record_declaration name: (_) @name (base_list)? @bases body: (_)? @body) @class
(interface_declaration name: (_) @name (base_list)? @bases body: (_)? @body) @class
(enum_declaration name: (_) @name body: (_) @body) @class
(namespace_declaration name: (_) @name body: (_) @body) @namespace

(method_declaration name: (_) @name body: (_)? @body) @method
(constructor_declaration name: (_) @name parameters: (_) @head body: (_)? @body) @method
(destructor_declaration name: (_) @name body: (_)? @body) @method
(operator_declaration operator: _ @name parameters: (_) @head body: (_)? @body) @method
(local_function_statement name: (_) @name body: (_)? @body) @function
(delegate_declaration name: (_) @name) @type

(field_declaration (variable_declaration (variable_declarator name: (_) @name))) @field
(event_field_declaration (variable_declaration (variable_declarator name: (_) @name))) @field
(property_declaration name: (_) @name accessors: (_)) @field
(property_declaration name: (_) @name @head value: (arrow_expression_clause)) @field
(indexer_declaration "this" @name parameters: (_) @head) @field
(enum_member_declaration name: (_) @name) @field
(record_declaration (parameter_list (parameter name: (_) @name) @field))

(lambda_expression body: (_) @local)
(anonymous_method_expression (block) @local)
(attribute_list) @skip
(parameter_list (comment) @skip)

(using_directive) @import

;;; places
(comment) @comment
(string_literal) @string
(verbatim_string_literal) @string
(raw_string_literal) @string
(interpolated_string_expression) @string
(character_literal) @string
(string_literal_content) @text
(interpolation) @code
