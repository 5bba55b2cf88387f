;;; outline
;;; places
