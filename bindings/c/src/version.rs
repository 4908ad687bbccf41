//! Which library this is.

use std::ffi::c_char;

/// The version of the binary interface: functions are added to it, none is changed or taken away. Compare it with
/// `DBAL_ABI_VERSION`, with which a program was compiled.
#[unsafe(no_mangle)]
pub extern "C" fn dbal_abi_version() -> u32 {
    ABI
}

/// The version of the library, such as "0.1.0". Not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn dbal_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// What [`dbal_abi_version`] says; the header's `DBAL_ABI_VERSION`, which a test compares with it.
const ABI: u32 = 1;
