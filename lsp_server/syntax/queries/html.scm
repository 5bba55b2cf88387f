;;; outline
(element (start_tag (attribute
  (attribute_name) @identifier
  (quoted_attribute_value (attribute_value) @name)))) @section
(start_tag) @import
(self_closing_tag) @import

;;; places
(comment) @comment
(quoted_attribute_value) @string

;;; embedded
(script_element (start_tag) @tag (raw_text) @content)
(style_element (start_tag) @tag (raw_text) @content)
