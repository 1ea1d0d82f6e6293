//! Compiles `proto/` with protox, so that no protoc has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=migrations");

    let mut protos: Vec<PathBuf> = fs::read_dir("proto/throughline/v1")?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    protos.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&protos)?;
    let descriptors = compiler.file_descriptor_set();

    // Reflection and the JSON form of messages read the descriptors at run time.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure()
        .build_server(false)
        .btree_map(".")
        .compile_fds(descriptors.clone())?;

    // The services are generated apart: a page of entries leaves the server as the bytes it was
    // stored in, so its answer has a type of its own there (see src/api/page.rs).
    let services = out.join("services");
    fs::create_dir_all(&services)?;
    tonic_prost_build::configure()
        .build_client(false)
        .out_dir(services)
        .extern_path(".throughline.v1", "crate::pb")
        .extern_path(".throughline.v1.ListTimelineResponse", "crate::api::page::EncodedPage")
        .extern_path(".throughline.v1.SearchTimelineResponse", "crate::api::page::EncodedPage")
        .extern_path(".throughline.v1.WatchTimelineResponse", "crate::api::watch::EncodedEvent")
        .compile_fds(descriptors)?;
    Ok(())
}
