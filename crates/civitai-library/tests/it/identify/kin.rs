//! Families, their near relatives, and the spellings in which trainers and converters write them.

use civitai_api::ModelType;
use civitai_library::identify::{
    Family, Format, Header, Identity, Learned, Tensor, identify_header,
};

/// How the modules of a layout are written into a file.
#[derive(Clone, Copy)]
enum Writing {
    /// A model: each module with its weight, after a prefix.
    Model(&'static str),
    /// Pairs named by kohya: words joined by `_` after a prefix.
    Kohya(&'static str),
    /// Pairs named by PEFT: paths after a prefix, and an ending after `lora_A`.
    Peft(&'static str, &'static str),
    /// Rotations in butterfly blocks with the rescaling that LyCORIS adds.
    Boft(&'static str),
    /// Halves without an ending, as control `LoRA`s have them.
    Halves,
}

use Writing::{Boft, Halves, Kohya, Model, Peft};

/// Modules as lines: `[3]` stands for the numbers below 3, braces for several words, a shape follows.
type Lines = &'static [&'static str];

/// A header that has been written, and what it is.
struct Case {
    name: &'static str,
    parts: &'static [(Writing, Lines)],
    /// Names and shapes beside the modules, as they are.
    loose: &'static [(&'static str, &'static [u64])],
    model_type: ModelType,
    family: Option<Family>,
}

const RANK: u64 = 16;

fn header(case: &Case) -> Header {
    let mut header = Header::new(Format::Safetensors);
    let mut push = |name: String, shape: &[u64]| {
        header.tensors.push(Tensor {
            name,
            dtype: "BF16".into(),
            shape: Some(shape.to_vec()),
        });
    };
    for (writing, lines) in case.parts {
        for (path, shape) in lines.iter().flat_map(|line| modules(line)) {
            let (rows, rest) = shape.split_first().expect("a shape");
            let down = [&[RANK], rest].concat();
            match writing {
                Model(prefix) => push(format!("{prefix}{path}.weight"), &shape),
                Kohya(prefix) => {
                    let path = path.replace('.', "_");
                    push(format!("{prefix}{path}.lora_down.weight"), &down);
                    push(format!("{prefix}{path}.lora_up.weight"), &[*rows, RANK]);
                    push(format!("{prefix}{path}.alpha"), &[]);
                }
                Peft(prefix, ending) => {
                    push(format!("{prefix}{path}.lora_A{ending}"), &down);
                    push(format!("{prefix}{path}.lora_B{ending}"), &[*rows, RANK]);
                }
                Boft(prefix) => {
                    let path = path.replace('.', "_");
                    push(format!("{prefix}{path}.oft_blocks"), &[3, rows / 8, 8, 8]);
                    push(format!("{prefix}{path}.rescale"), &[*rows, 1]);
                    push(format!("{prefix}{path}.alpha"), &[]);
                }
                Halves => {
                    push(format!("{path}.down"), &down);
                    push(format!("{path}.up"), &[*rows, RANK]);
                }
            }
        }
    }
    for (name, shape) in case.loose {
        push((*name).to_owned(), shape);
    }
    header
}

/// The modules of one line.
fn modules(line: &str) -> Vec<(String, Vec<u64>)> {
    let (path, shape) = line.split_once(' ').expect("a path and a shape");
    let shape: Vec<u64> = shape
        .split('x')
        .map(|side| side.parse().expect("a number"))
        .collect();
    expand(path)
        .into_iter()
        .map(|path| (path, shape.clone()))
        .collect()
}

fn expand(path: &str) -> Vec<String> {
    let Some(open) = path.find(['[', '{']) else {
        return vec![path.to_owned()];
    };
    let close = open + path[open..].find([']', '}']).expect("closed");
    let inside = &path[open + 1..close];
    let words: Vec<String> = match inside.parse::<u32>() {
        Ok(count) => (0..count).map(|number| number.to_string()).collect(),
        Err(_) => inside.split(',').map(str::to_owned).collect(),
    };
    let endings = expand(&path[close + 1..]);
    let start = &path[..open];
    words
        .iter()
        .flat_map(|word| {
            endings
                .iter()
                .map(move |ending| format!("{start}{word}{ending}"))
        })
        .collect()
}

const SD1: Lines = &[
    "down_blocks.0.attentions.[2].transformer_blocks.0.attn1.{to_q,to_k,to_v} 320x320",
    "down_blocks.1.attentions.[2].transformer_blocks.0.attn2.{to_k,to_v} 640x768",
    "mid_block.attentions.0.transformer_blocks.0.attn2.{to_k,to_v} 1280x768",
    "up_blocks.3.attentions.[3].transformer_blocks.0.ff.net.2 320x1280",
];
const SD1_ORIGINAL: Lines = &[
    "input_blocks.0.0 320x4x3x3",
    "input_blocks.{1,2}.1.transformer_blocks.0.attn1.{to_q,to_k,to_v} 320x320",
    "input_blocks.{4,5}.1.transformer_blocks.0.attn2.{to_k,to_v} 640x768",
    "middle_block.1.transformer_blocks.0.attn2.{to_k,to_v} 1280x768",
    "out.2 4x320x3x3",
];
/// The running mean of the weights: their names without dots.
const SD1_MEAN: Lines = &[
    "model_ema.diffusion_modelinput_blocks{1,2}1transformer_blocks0attn1to_{q,k,v}weight 320x320",
    "model_ema.diffusion_modelmiddle_block1transformer_blocks0attn2to_{k,v}weight 1280x768",
    "model_ema.diffusion_modelout[9]weight 320",
];
const SDXL_CONTROL: Lines = &[
    "input_blocks.4.1.transformer_blocks.[2].attn2.{to_k,to_v} 640x2048",
    "input_blocks.{7,8}.1.transformer_blocks.[10].attn2.{to_k,to_v} 1280x2048",
    "middle_block.1.transformer_blocks.[10].attn1.{to_q,to_k,to_v} 1280x1280",
];
const FLUX: Lines = &[
    "double_blocks.[19].{img,txt}_attn.qkv 9216x3072",
    "double_blocks.[19].{img,txt}_mlp.0 12288x3072",
    "double_blocks.[19].{img,txt}_mod.lin 18432x3072",
    "single_blocks.[38].linear1 21504x3072",
    "single_blocks.[38].linear2 3072x15360",
];
const FLUX_ENDS: Lines = &[
    "img_in 3072x64",
    "txt_in 3072x4096",
    "{time_in,guidance_in}.in_layer 3072x256",
    "vector_in.in_layer 3072x768",
    "final_layer.linear 64x3072",
];
/// Hunyuan Video as it is merged: Flux.1's names, one double and two single blocks more.
const HUNYUAN_VIDEO: Lines = &[
    "double_blocks.[20].{img,txt}_attn.qkv 9216x3072",
    "double_blocks.[20].{img,txt}_mlp.0 12288x3072",
    "double_blocks.[20].{img,txt}_mod.lin 18432x3072",
    "single_blocks.[40].linear1 21504x3072",
    "single_blocks.[40].linear2 3072x15360",
];
const WAN: Lines = &[
    "blocks.[40].{self_attn,cross_attn}.{q,k,v,o} 5120x5120",
    "blocks.[40].ffn.0 13824x5120",
    "blocks.[40].ffn.2 5120x13824",
];
const VACE: Lines = &[
    "vace_blocks.[8].{self_attn,cross_attn}.{q,k,v,o} 5120x5120",
    "vace_blocks.[8].after_proj 5120x5120",
    "vace_patch_embedding 5120x96x1x2x2",
];
const PREDICT: Lines = &[
    "x_embedder.proj.1 2048x68",
    "t_embedder.1.linear_1 2048x2048",
    "blocks.[28].self_attn.{q_proj,k_proj,v_proj,output_proj} 2048x2048",
    "blocks.[28].cross_attn.{k_proj,v_proj} 2048x1024",
    "blocks.[28].mlp.layer1 8192x2048",
    "final_layer.linear 64x2048",
];
const LANGUAGE_ADAPTER: Lines = &[
    "llm_adapter.blocks.[6].cross_attn.{q_proj,k_proj} 1024x1024",
    "llm_adapter.embed 32128x1024",
];
const PREDICT_14B: Lines = &[
    "blocks.[36].self_attn.{q_proj,k_proj,v_proj,output_proj} 5120x5120",
    "blocks.[36].cross_attn.{k_proj,v_proj} 5120x1024",
];
const QWEN_VL: Lines = &[
    "language_model.layers.[28].self_attn.q_proj 3584x3584",
    "language_model.layers.[28].self_attn.{k_proj,v_proj} 512x3584",
    "language_model.layers.[28].mlp.{gate_proj,up_proj} 18944x3584",
    "language_model.layers.[28].mlp.down_proj 3584x18944",
    "language_model.embed_tokens 152064x3584",
    "visual.blocks.[32].attn.qkv 3840x1280",
    "visual.patch_embed.proj 1280x3x2x14x14",
];
const MOTION: Lines = &[
    "down_blocks.0.motion_modules.[2].temporal_transformer.transformer_blocks.0.attention_blocks.[2].{to_q,to_k,to_v} 320x320",
    "down_blocks.1.motion_modules.[2].temporal_transformer.transformer_blocks.0.attention_blocks.[2].{to_q,to_k,to_v} 640x640",
    "up_blocks.3.motion_modules.[3].temporal_transformer.transformer_blocks.0.attention_blocks.[2].{to_q,to_k,to_v} 320x320",
];
const COSMOS: Lines = &[
    "blocks.block{0,1,26,27}.blocks.[2].block.attn.{to_q,to_k,to_v,to_out}.0 4096x4096",
    "blocks.block{0,1,26,27}.blocks.[3].adaLN_modulation.1 256x4096",
    "x_embedder.proj.1 4096x72",
    "final_layer.linear 64x4096",
];
const ACE_STEP: Lines = &[
    "transformer_blocks.[24].{attn,cross_attn}.{to_q,to_k,to_v} 2560x2560",
    "transformer_blocks.[24].ff.inverted_conv.conv 12800x2560x1",
    "lyric_encoder.encoders.[6].self_attn.{linear_q,linear_k,linear_v} 1024x1024",
    "{genre,speaker}_embedder 2560x768",
];
const STABLE_AUDIO: Lines = &[
    "transformer.layers.[24].self_attn.to_qkv 4608x1536",
    "transformer.layers.[24].cross_attn.{to_q,to_out} 1536x1536",
    "transformer.layers.[24].ff.ff.0.proj 12288x1536",
    "preprocess_conv 64x64x1",
];
const COMPRESSION: Lines = &[
    "encoder.stages.[3].op_list.[2].main.{conv1,conv2}.conv 256x256x3x3",
    "decoder.stages.[3].op_list.[2].main.{conv1,conv2}.conv 256x256x3x3",
    "encoder.project_in.conv 128x3x3x3",
];
const TINY: Lines = &[
    "{3,4,5,8,9,10,13,14,15}.conv.{0,2,4} 64x64x3x3",
    "1 64x4x3x3",
    "{7,12,17} 64x64x3x3",
    "19 3x64x3x3",
];
const HOTSHOT: Lines = &[
    "down_blocks.[3].temporal_attentions.[2].transformer_blocks.0.attention_blocks.[2].{to_q,to_k,to_v} 640x640",
];
const TALK: Lines = &[
    "blocks.[40].audio_cross_attn.kv_linear 10240x768",
    "blocks.[40].audio_cross_attn.{q_linear,proj} 5120x5120",
    "audio_proj.proj1 512x46080",
];
const FACE_ID: Lines = &[
    "ip_adapter.[16].{to_q,to_k,to_v,to_out}_lora.down 128x320",
    "ip_adapter.[16].{to_q,to_k,to_v,to_out}_lora.up 320x128",
    "ip_adapter.{1,3,5}.{to_k_ip,to_v_ip} 320x768",
    "image_proj.proj.0 1024x512",
];
const PULID: Lines = &[
    "pulid_ca.[20].to_q 2048x3072",
    "pulid_ca.[20].to_out 3072x2048",
    "pulid_encoder.mapping_0.0 1024x1024",
];

/// A case without loose tensors.
const fn case(
    name: &'static str,
    parts: &'static [(Writing, Lines)],
    model_type: ModelType,
    family: Option<Family>,
) -> Case {
    Case {
        name,
        parts,
        loose: &[],
        model_type,
        family,
    }
}

/// A case of loose tensors alone.
const fn loose(
    name: &'static str,
    loose: &'static [(&'static str, &'static [u64])],
    model_type: ModelType,
    family: Option<Family>,
) -> Case {
    Case {
        name,
        parts: &[],
        loose,
        model_type,
        family,
    }
}

fn ask(case: &Case) -> Identity {
    identify_header(&header(case), &Learned::default())
}

/// Asks all cases and names those that are answered otherwise.
fn expect_right(cases: &[Case]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|case| (case, ask(case)))
        .filter(|(case, found)| {
            found.model_type.as_ref() != Some(&case.model_type) || found.family != case.family
        })
        .map(|(case, found)| format!("{}: {found:#?}", case.name))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn adapters_are_known_in_every_spelling() {
    use Family::{Flux1, HunyuanVideo, Sd1, Sdxl, Wan};
    use ModelType::{LoCon, Lora};
    expect_right(&[
        case("kohya", &[(Kohya("lora_unet_"), SD1)], Lora, Some(Sd1)),
        case("boft", &[(Boft("lora_unet_"), SD1)], LoCon, Some(Sd1)),
        case(
            "merged names",
            &[(Peft("diffusion_model.", ".weight"), HUNYUAN_VIDEO)],
            Lora,
            Some(HunyuanVideo),
        ),
        case(
            "fewer blocks are another family",
            &[(Peft("diffusion_model.", ".weight"), FLUX)],
            Lora,
            Some(Flux1),
        ),
        case(
            "inside a pipeline",
            &[(Peft("pipe.dit.", ".default.weight"), WAN)],
            Lora,
            Some(Wan),
        ),
        case(
            "two underscores",
            &[(Kohya("lora_unet__"), WAN)],
            Lora,
            Some(Wan),
        ),
        case(
            "the convolution that cuts patches makes no LoCon",
            &[(Peft("diffusion_model.", ".weight"), VACE)],
            Lora,
            Some(Wan),
        ),
        case(
            "14B of its kind",
            &[(Peft("diffusion_model.", ".weight"), PREDICT_14B)],
            Lora,
            Some(Family::Other),
        ),
        case(
            "motion lora",
            &[(Peft("", ".weight"), MOTION)],
            Lora,
            Some(Sd1),
        ),
        Case {
            loose: &[
                ("lora_controlnet", &[]),
                ("input_hint_block.0.weight", &[16, 3, 3, 3]),
                ("zero_convs.0.0.weight", &[320, 320, 1, 1]),
            ],
            ..case("control lora", &[(Halves, SDXL_CONTROL)], Lora, Some(Sdxl))
        },
    ]);
}

#[test]
fn models_are_told_from_those_they_resemble() {
    use Family::{Anima, Flux1, Other, Qwen, Sd1};
    use ModelType::{Checkpoint, MotionModule, TextEncoder, UNet, Vae};
    expect_right(&[
        case(
            "with its running mean",
            &[
                (Model("model.diffusion_model."), SD1_ORIGINAL),
                (Model(""), SD1_MEAN),
                (
                    Model("first_stage_model."),
                    &["encoder.conv_in 128x3x3x3", "quant_conv 8x8x1x1"],
                ),
            ],
            Checkpoint,
            Some(Sd1),
        ),
        case("predict 2", &[(Model("net."), PREDICT)], UNet, Some(Other)),
        case(
            "predict 2 with a language adapter",
            &[(Model("net."), PREDICT), (Model("net."), LANGUAGE_ADAPTER)],
            UNet,
            Some(Anima),
        ),
        case("cosmos 1", &[(Model("net."), COSMOS)], UNet, Some(Other)),
        case(
            "a language model that sees is no denoiser",
            &[(Model("model."), QWEN_VL)],
            TextEncoder,
            Some(Qwen),
        ),
        case("ace step", &[(Model(""), ACE_STEP)], UNet, Some(Other)),
        case(
            "stable audio",
            &[(Model("model.model."), STABLE_AUDIO)],
            UNet,
            Some(Other),
        ),
        case("dc-ae", &[(Model(""), COMPRESSION)], Vae, Some(Other)),
        case("taesd", &[(Model(""), TINY)], Vae, None),
        case(
            "hotshot",
            &[(Model(""), HOTSHOT)],
            MotionModule,
            Some(Family::Sdxl),
        ),
        case(
            "flux",
            &[(Model(""), FLUX), (Model(""), FLUX_ENDS)],
            UNet,
            Some(Flux1),
        ),
    ]);
}

#[test]
fn a_whole_model_is_no_half_sure_control_network() {
    let flux = case(
        "flux",
        &[(Model(""), FLUX), (Model(""), FLUX_ENDS)],
        ModelType::UNet,
        Some(Family::Flux1),
    );
    let found = ask(&flux);
    assert!(found.confidence > 0.9, "{found:#?}");
}

#[test]
fn what_stands_beside_a_model_is_known() {
    use Family::{Flux1, HiDream, HunyuanVideo, Sd1, Sd3, Sdxl, Wan};
    use ModelType::{Miscellaneous, TextualInversion, Upscaler};
    expect_right(&[
        case("face id", &[(Model(""), FACE_ID)], Miscellaneous, Some(Sd1)),
        case("pulid", &[(Model(""), PULID)], Miscellaneous, Some(Flux1)),
        case(
            "a talking head",
            &[(Model(""), TALK)],
            Miscellaneous,
            Some(Wan),
        ),
        case(
            "latent upscaler",
            &[(
                Model(""),
                &["{post_upsample_,}res_blocks.[4].{conv1,conv2} 512x512x3x3x3"],
            )],
            Upscaler,
            Some(Family::Ltx),
        ),
        case(
            "drct",
            &[(Model(""), &["layers.[12].swin{1,2}.attn.qkv 540x180"])],
            Upscaler,
            Some(Family::Other),
        ),
        case(
            "span plus",
            &[(Model(""), &["feats.[4].block_{1,2}.c1_r.sk 48x48x1x1"])],
            Upscaler,
            Some(Family::Other),
        ),
        case(
            "scunet",
            &[(Model(""), &["m_{down1,up1}.[4].trans_block.mlp.0 128x32"])],
            Upscaler,
            Some(Family::Other),
        ),
        loose(
            "two encoders by number",
            &[
                ("text_encoders_0", &[2, 768]),
                ("text_encoders_1", &[2, 1280]),
            ],
            TextualInversion,
            Some(Sdxl),
        ),
        loose(
            "with t5",
            &[("clip_l", &[8, 768]), ("t5", &[8, 4096])],
            TextualInversion,
            Some(Flux1),
        ),
        loose(
            "with two and t5",
            &[
                ("clip_l", &[8, 768]),
                ("clip_g", &[8, 1280]),
                ("t5xxl", &[8, 4096]),
            ],
            TextualInversion,
            Some(Sd3),
        ),
        loose(
            "with llama",
            &[("clip_l", &[8, 768]), ("llama", &[8, 4096])],
            TextualInversion,
            Some(HunyuanVideo),
        ),
        loose(
            "with all four",
            &[
                ("clip_l", &[8, 768]),
                ("clip_g", &[8, 1280]),
                ("t5", &[8, 4096]),
                ("llama", &[8, 4096]),
            ],
            TextualInversion,
            Some(HiDream),
        ),
        loose("a star", &[("*", &[6, 768])], TextualInversion, Some(Sd1)),
    ]);
}
