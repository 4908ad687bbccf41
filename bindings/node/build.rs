//! Tells the linker that Node brings the symbols of its interface. Nothing is generated.

fn main() {
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        // Where only worker threads load it, Node would unload it with the last of them, and what the allocator does when a
        // thread ends would be gone.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
