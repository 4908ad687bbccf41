//! Tells the linker that Node brings the symbols of its interface. Nothing is generated.

fn main() {
    napi_build::setup();
}
