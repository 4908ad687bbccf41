//! The native half of the pip package. It knows requests, plans and packed rows, nothing of any entity.
//!
//! A request is read from Python's values ([`value`]), runs without the interpreter, and its rows, packed meanwhile, are
//! made into dicts in one pass ([`rows`]). One class answers for an entity, whoever is asked ([`handle`]): a client, a
//! transaction, and the awaited kind of both. What is awaited becomes a future of asyncio's; futures of the engine are
//! polled on the loop's thread, which is woken once for all that are ready ([`port`]).

mod awaited;
mod config;
mod database;
mod error;
mod handle;
mod interrupt;
mod port;
mod quick;
mod rows;
mod stream;
mod transaction;
mod types;
mod value;

type Module<'py> = pyo3::Bound<'py, pyo3::types::PyModule>;

/// The module `dbal._native`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use super::awaited::{AwaitedDatabase, AwaitedTransaction};
    #[pymodule_export]
    use super::database::{Database, forked};
    #[pymodule_export]
    use super::handle::{AsyncEntity, Entity};
    #[pymodule_export]
    use super::port::Port;
    #[pymodule_export]
    use super::stream::{AwaitedBatches, Batches};
    #[pymodule_export]
    use super::transaction::{Transaction, Tries};
    #[pymodule_export]
    use super::value::Unset;

    #[pymodule_init]
    fn init(module: &super::Module<'_>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("UNSET", Unset)
    }
}
