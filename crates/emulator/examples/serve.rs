//! Runs the emulator in the foreground and prints the variables that lead to it: `cargo run --example serve [tls]`.

#![allow(clippy::print_stdout, reason = "it is what the example does")]

use yandex_cloud_emulator::Emulator;

fn main() -> std::io::Result<()> {
    let tls = std::env::args().any(|arg| arg == "tls");
    let emulator = Emulator::builder().tls(tls).start_in_thread()?;
    for variable in emulator.env()? {
        println!("export {}={} # {}", variable.name, variable.value, variable.comment);
    }
    if let Some(pem) = emulator.ca_pem() {
        println!("{pem}");
    }
    loop {
        std::thread::park();
    }
}
