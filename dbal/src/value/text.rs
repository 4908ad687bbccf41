//! Text comparison: patterns and case folding.
