//! Access rules of the calls, read from the contract's `option (access)`: who may make a call, and
//! whether it is audited.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, ExtensionDescriptor, MethodDescriptor};

use crate::pb::{Access, DESCRIPTORS, DataClass, Role, Work};

/// The access rules of a call.
#[derive(Debug)]
pub struct Call {
    /// Its name, such as `GetBriefing`.
    pub name: String,
    /// The name with its service, such as `throughline.v1.CustomerService/GetBriefing`.
    pub method: String,
    access: Access,
    /// Whether it is a server stream, during which the caller's permission can be revoked.
    pub is_stream: bool,
}

const DATA_CLASSES: [DataClass; 5] = [
    DataClass::Figures,
    DataClass::Identity,
    DataClass::History,
    DataClass::Audit,
    DataClass::Everything,
];

/// The word for a class of data, such as `history`.
pub fn word(data: DataClass) -> String {
    data.as_str_name().trim_start_matches("DATA_CLASS_").to_lowercase()
}

/// Parses the word for a class of data.
pub fn data_class(text: &str) -> Option<DataClass> {
    DATA_CLASSES.into_iter().find(|data| word(*data) == text)
}

impl Call {
    /// Whether one of the roles may make it.
    pub fn may(&self, roles: &[Role]) -> bool {
        self.access.roles().any(|role| roles.contains(&role))
    }

    /// The class of data that it can show or change.
    pub fn data(&self) -> DataClass {
        self.access.data()
    }

    /// How heavy it is.
    pub fn work(&self) -> Work {
        self.access.work()
    }

    /// Whether it is written to the audit log.
    pub fn is_audited(&self) -> bool {
        self.access.audited()
    }
}

/// The calls, by their paths.
static CALLS: LazyLock<HashMap<String, Call>> = LazyLock::new(|| {
    let contract = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
    let Some(option) = contract.get_extension_by_name("throughline.v1.access") else {
        return HashMap::new();
    };
    let calls = contract.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    calls
        .map(|call| {
            let method = format!("{}/{}", call.parent_service().full_name(), call.name());
            let (name, access) = (call.name().to_owned(), access_of(&call, &option));
            let is_stream = call.is_server_streaming();
            (format!("/{method}"), Call { name, method, access, is_stream })
        })
        .collect()
});

fn access_of(call: &MethodDescriptor, option: &ExtensionDescriptor) -> Access {
    let options = call.options();
    let access = options.get_extension(option);
    access.as_message().and_then(|access| access.transcode_to().ok()).unwrap_or_default()
}

/// The call of a path.
pub fn call(path: &str) -> Option<&'static Call> {
    CALLS.get(path)
}

/// Whether one of the roles may make the call of a path. A path that the contract does not have is
/// allowed to supervisors only, who are told that it does not exist.
pub fn may_call(roles: &[Role], path: &str) -> bool {
    call(path).map_or_else(|| roles.contains(&Role::Supervisor), |call| call.may(roles))
}
