;;; outline
(section . (atx_heading heading_content: (_) @name)) @section
(setext_heading heading_content: (_) @name) @section

;;; places
(html_block) @comment

;;; embedded
(fenced_code_block (info_string (language) @language)) @fence
