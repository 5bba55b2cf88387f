;;; outline
(class_declaration
  name: (_) @name
  (class_heritage)? @bases
  body: (class_body) @body) @class
(lexical_declaration (variable_declarator
  name: (identifier) @name
  value: (class (class_heritage)? @bases body: (class_body) @body))) @class

(function_declaration name: (identifier) @name body: (_) @body) @function
(generator_function_declaration name: (identifier) @name body: (_) @body) @function
(lexical_declaration (variable_declarator
  name: (identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)])) @function
(variable_declaration (variable_declarator
  name: (identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)])) @function
(assignment_expression
  left: (member_expression object: (_) @container property: (property_identifier) @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function
(pair
  key: (property_identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method

(method_definition name: (_) @name body: (_) @body) @method

(program (lexical_declaration (variable_declarator name: (identifier) @name)) @variable)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @variable)
(program (export_statement
  declaration: (lexical_declaration (variable_declarator name: (identifier) @name)) @variable))
(program (export_statement
  declaration: (variable_declaration (variable_declarator name: (identifier) @name)) @variable))

(statement_block (expression_statement
  (assignment_expression left: (member_expression
    object: (this) @self
    property: [(property_identifier) (private_property_identifier)] @name)) @attribute))

(arrow_function body: (_) @local)
(function_expression body: (_) @local)
(formal_parameters (comment) @skip)
(decorator) @skip
(export_statement decorator: (_)) @outer

(import_statement) @import
(export_statement source: (_)) @import
(lexical_declaration
  (variable_declarator value: (call_expression function: (identifier)))) @import
(variable_declaration
  (variable_declarator value: (call_expression function: (identifier)))) @import
(expression_statement (call_expression function: (identifier) arguments: (arguments . (string) .)))
  @import

;;; places
(comment) @comment
(string) @string
(template_string) @string
(string_fragment) @text
(template_substitution) @code
(regex) @string

;;; outline javascript
(field_definition
  property: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
(field_definition property: (_) @name) @field
