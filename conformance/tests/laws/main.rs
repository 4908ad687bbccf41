//! Laws over generated databases: schemas, rules, rows, callers and requests come from numbers, and a failure names its
//! number.
//!
//! | variable | meaning |
//! |---|---|
//! | `DBAL_LAW_SECONDS` | how long each law runs; absent: a fixed number of seeds, a few seconds |
//! | `DBAL_LAW_FROM` | the seed to begin with |
//! | `DBAL_LAW_SEED` | one seed alone |

mod alike;
mod ask;
mod confined;
mod dice;
mod model;
mod open;
mod random;
mod tenants;
mod worlds;
