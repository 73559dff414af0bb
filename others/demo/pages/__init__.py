"""The five pages. Each has TITLE, and `build(state)`, which draws its body."""
