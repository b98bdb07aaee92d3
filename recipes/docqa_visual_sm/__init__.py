"""The recipe of `pageloom/docqa-visual-sm`: docqa-sm's questions, with the page's picture."""
