;;; outline
(rule_set (selectors) @name (block) @body) @section
(keyframes_statement (keyframes_name) @name (keyframe_block_list) @body) @section
(declaration (property_name) @name @custom) @variable
(import_statement) @import

;;; places
(comment) @comment
(string_value) @string
(string_content) @text
