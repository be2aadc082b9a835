//! What the site knows of the tensors inside a file.

use crate::file::FileFormat;
use crate::wire::wire;

wire! {
    /// The tensors of a file in SafeTensors or GGUF format.
    pub struct TensorMetadata {
        /// The file's format.
        pub format: Option<FileFormat> => "format",
        /// How many tensors there are.
        pub tensor_count: Option<u64> => "tensorCount",
        /// Their size together, in bytes.
        pub total_tensor_bytes: Option<u64> => "totalTensorBytes",
        /// How many of each number format.
        pub dtype_counts: Vec<DtypeCount> => "dtypeCounts",
        /// The largest one.
        pub largest_tensor: Option<Tensor> => "largestTensor",
        /// The memory it takes to run; absent where the site cannot tell.
        pub vram_estimate: Option<VramEstimate> => "vramEstimate",
        /// Every tensor; empty when only a summary was asked for.
        pub tensors: Vec<Tensor> => "tensors",
    }
}

wire! {
    /// The share of one number format.
    pub struct DtypeCount {
        /// The number format.
        pub dtype: String => "dtype",
        /// How many tensors have it.
        pub count: Option<u64> => "count",
        /// Their size together.
        pub bytes: Option<u64> => "bytes",
    }
}

wire! {
    /// One tensor.
    pub struct Tensor {
        /// Its name.
        pub name: String => "name",
        /// Its dimensions.
        pub shape: Vec<u64> => "shape",
        /// Its number format.
        pub dtype: Option<String> => "dtype",
        /// Its size.
        pub size_bytes: Option<u64> => "sizeBytes",
    }
}

wire! {
    /// Memory that a file takes to run, as the site estimates it.
    pub struct VramEstimate {
        /// The least that can work.
        pub estimated_minimum_vram_bytes: Option<u64> => "estimatedMinimumVramBytes",
        /// What works well.
        pub recommended_vram_bytes: Option<u64> => "recommendedVramBytes",
        /// Weights that must stay in memory.
        pub resident_weights_bytes: Option<u64> => "residentWeightsBytes",
        /// All weights.
        pub fully_resident_weights_bytes: Option<u64> => "fullyResidentWeightsBytes",
        /// Room for working values.
        pub inference_reserve_bytes: Option<u64> => "inferenceReserveBytes",
        /// Further room set aside.
        pub extra_reserved_bytes: Option<u64> => "extraReservedBytes",
        /// Size of a page when weights are moved in and out.
        pub dynamic_vram_page_bytes: Option<u64> => "dynamicVramPageBytes",
    }
}
