//! Runs plans: a machine that does no IO, and the loops that do it.
