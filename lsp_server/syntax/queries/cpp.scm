;;; builds on c
;;; outline
(class_specifier name: (_) @name (base_class_clause)? @bases body: (_) @body) @class
(struct_specifier name: (_) @name (base_class_clause) @bases body: (_) @body) @class
(namespace_definition name: (_) @name body: (_) @body) @namespace
(concept_definition name: (_) @name) @type
(alias_declaration name: (_) @name) @type
(template_declaration) @outer
(template_declaration (declaration declarator: (_) @declarator) @declared)
(field_declaration_list (declaration declarator: (_) @declarator) @declared)
(lambda_expression body: (_) @local)

;;; places
(raw_string_literal) @string
