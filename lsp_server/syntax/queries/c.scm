;;; outline
(struct_specifier name: (_) @name body: (_) @body) @class
(union_specifier name: (_) @name body: (_) @body) @class
(enum_specifier name: (_) @name body: (_) @body) @class
(type_definition
  type: [(struct_specifier !name body: (_) @body)
         (union_specifier !name body: (_) @body)
         (enum_specifier !name body: (_) @body)]
  declarator: (type_identifier) @name) @class
(type_definition declarator: (_) @declarator) @type
(type_definition type: [
  (struct_specifier name: (_) body: (_) @skip)
  (union_specifier name: (_) body: (_) @skip)
  (enum_specifier name: (_) body: (_) @skip)])

(field_declaration declarator: (_) @declarator) @declared
(enumerator name: (_) @name) @field

(function_definition declarator: (_) @declarator @head body: (_)? @body) @function
(translation_unit (declaration declarator: (_) @declarator) @declared)
(linkage_specification (declaration declarator: (_) @declarator) @declared)
(declaration_list (declaration declarator: (_) @declarator) @declared)
(preproc_ifdef (declaration declarator: (_) @declarator) @declared)
(preproc_if (declaration declarator: (_) @declarator) @declared)
(preproc_else (declaration declarator: (_) @declarator) @declared)
(preproc_elif (declaration declarator: (_) @declarator) @declared)
(parameter_list (comment) @skip)

(preproc_def name: (_) @name) @variable
(preproc_function_def name: (_) @name parameters: (_) @head) @function

(preproc_include) @import

;;; places
(comment) @comment
(string_literal) @string
(char_literal) @string
(system_lib_string) @string
(string_content) @text
