//! The reference backend: runs the query itself over rows in memory.
