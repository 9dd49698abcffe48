//! Reads the golden vectors (`tests/golden/README.md`).

use std::collections::HashMap;

use pocketrec::plan::{AdamConfig, ParamKind, Plan, State};
use safetensors::{Dtype, SafeTensors};

/// A file, and what its metadata say.
pub struct Golden {
    pub tensors: SafeTensors<'static>,
    metadata: HashMap<String, String>,
}

impl Golden {
    pub fn read(file: &'static [u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
        Golden {
            tensors: SafeTensors::deserialize(file).unwrap(),
            metadata: metadata.metadata().clone().unwrap(),
        }
    }

    pub fn setting<T: serde::de::DeserializeOwned>(&self, key: &str) -> T {
        serde_json::from_str(&self.metadata[key]).unwrap()
    }

    pub fn adam(&self) -> AdamConfig {
        let [beta1, beta2]: [f32; 2] = self.setting("betas");
        AdamConfig {
            learning_rate: self.setting("lr"),
            beta1,
            beta2,
            epsilon: self.setting("eps"),
        }
    }

    /// The parameters before the first step, with moments of zero.
    pub fn initial(&self, plan: &Plan) -> State {
        let mut state = State::initial(plan, 0, true);
        for (param, tensor) in plan.params().iter().zip(&mut state.tensors) {
            if param.kind == ParamKind::Statistic {
                continue; // begins with mean 0 and variance 1
            }
            tensor.value = self.floats(&format!("init/{}", param.name));
            assert_eq!(tensor.value.len(), param.len(), "{}", param.name);
        }
        state
    }

    fn bytes<const N: usize>(&self, name: &str, dtype: Dtype) -> impl Iterator<Item = [u8; N]> {
        let tensor = self
            .tensors
            .tensor(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(tensor.dtype(), dtype, "{name}");
        tensor.data().as_chunks().0.iter().copied()
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name, Dtype::F32).map(f32::from_le_bytes).collect()
    }

    pub fn wide(&self, name: &str) -> Vec<f64> {
        super::wide(&self.floats(name))
    }

    pub fn ids(&self, name: &str) -> Vec<u32> {
        self.bytes(name, Dtype::I32).map(u32::from_le_bytes).collect()
    }

    /// All float tensors whose names begin with `prefix`, by the rest of their names.
    pub fn under(&self, prefix: &str) -> HashMap<String, Vec<f64>> {
        let floats = self.tensors.iter().filter(|(_, tensor)| tensor.dtype() == Dtype::F32);
        let rest = floats.filter_map(|(name, _)| Some((name, name.strip_prefix(prefix)?)));
        rest.map(|(name, rest)| (rest.to_string(), self.wide(name))).collect()
    }
}
