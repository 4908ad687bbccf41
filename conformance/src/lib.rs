//! Runs the cases of `common/contracts` against any client.
