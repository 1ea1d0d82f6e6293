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

    tonic_prost_build::configure().btree_map(".").compile_fds(descriptors)?;
    Ok(())
}
