//! Compiles `proto/` with protox, so that no protoc has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use protox::prost_reflect::DescriptorPool;

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
    require_access(&compiler.descriptor_pool())?;
    let descriptors = compiler.file_descriptor_set();

    // Reflection and the JSON form of messages read the descriptors at run time.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure()
        .build_server(false)
        .btree_map(".")
        .compile_fds(descriptors.clone())?;

    // The services are generated separately: a page of entries is sent as the bytes it was stored
    // in, so its response has a special type there (see src/api/page.rs).
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

/// Every call must state who may make it, and what it discloses.
fn require_access(contract: &DescriptorPool) -> Result<(), Box<dyn Error>> {
    let access =
        contract.get_extension_by_name("throughline.v1.access").ok_or("no option (access)")?;
    let services = contract.services().filter(|it| it.full_name().starts_with("throughline."));
    for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let options = method.options();
        let option = options.get_extension(&access);
        let given = |field: &str| option.as_message().is_some_and(|it| it.has_field_by_name(field));
        for field in ["roles", "data", "audited", "work"] {
            if !given(field) {
                let name = method.full_name();
                return Err(format!("{name}: option (access) has no {field}").into());
            }
        }
    }
    Ok(())
}
