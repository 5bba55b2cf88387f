;;; builds on typescript
