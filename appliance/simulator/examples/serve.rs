//! Serves a bundle or a scenario as a cluster until interrupted, for trying things by hand:
//! `cargo run -p appliance-simulator --example serve -- PATH-OR-SCENARIO [KUBERNETES-ADDRESS]`.

use std::path::Path;

use appliance_simulator::{Options, Simulator, World};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().ok_or("give the path of a bundle")?;
    let mut options = Options::default();
    if let Some(address) = arguments.next() {
        options.kubernetes = address.parse()?;
    }
    let world = World::load(Path::new(&what))?;
    let simulator = Simulator::start(world, options).await?;
    let mut out = std::io::stdout();
    std::io::Write::write_fmt(
        &mut out,
        format_args!(
            "kubernetes {}\nprometheus {}\n",
            simulator.kubernetes_url(),
            simulator.prometheus_url()
        ),
    )?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}
