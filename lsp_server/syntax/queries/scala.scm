;;; outline
(class_definition name: (_) @name extend: (_)? @bases body: (_)? @body) @class
(object_definition name: (_) @name extend: (_)? @bases body: (_)? @body) @class
(trait_definition name: (_) @name extend: (_)? @bases body: (_)? @body) @class
(enum_definition name: (_) @name extend: (_)? @bases body: (_) @body) @class
(given_definition name: (_) @name body: (_)? @body) @class
(package_object name: (_) @name body: (_) @body) @namespace

(function_definition name: (_) @name body: (_) @body) @function
(function_declaration name: (_) @name) @function
(val_definition pattern: (identifier) @name) @variable
(val_definition pattern: (identifiers (identifier) @name)) @variable
(var_definition pattern: (identifier) @name) @variable
(var_definition pattern: (identifiers (identifier) @name)) @variable
(val_declaration name: (_) @name) @variable
(var_declaration name: (_) @name) @variable
(class_parameters (class_parameter name: (_) @name) @field)
(simple_enum_case name: (_) @name) @field
(full_enum_case name: (_) @name) @field
(type_definition name: (_) @name) @type

(lambda_expression) @local
(case_block) @local
(block) @local
(annotation) @skip
(parameters [(comment) (block_comment)] @skip)
(class_parameters [(comment) (block_comment)] @skip)

(import_declaration) @import

;;; places
(comment) @comment
(block_comment) @comment
(string) @string
(interpolated_string) @string
(character_literal) @string
(interpolation) @code
