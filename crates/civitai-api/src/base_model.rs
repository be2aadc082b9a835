//! Base models: what a version was trained for, and therefore what it runs with.

use crate::open_enum::open_enum;

/// What is known of a base model beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lineage {
    /// The key of the ecosystem: models of one ecosystem work together.
    pub ecosystem: &'static str,
    /// The ecosystem as resource names spell it, which is that of the ecosystem's root.
    pub air_ecosystem: &'static str,
    /// Who made it, or `None` where the site does not say.
    pub family: Option<&'static str>,
    /// Whether uploaders can still choose it.
    pub standing: Standing,
}

/// Whether a base model can be chosen for new uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Offered by the site.
    Active,
    /// Not offered any more; older versions still carry it.
    Hidden,
    /// Not offered, and switched off in the site's generator.
    Disabled,
}

/// Declares the base models; each row is `Variant = "name" in "ecosystem" air "root" by "family" Standing`.
macro_rules! base_models {
    ( $( $variant:ident = $name:literal in $ecosystem:literal air $air:literal by $family:literal $standing:ident, )* ) => {
        open_enum! {
            /// The model that a version runs on. New ones appear weekly.
            pub enum BaseModel { $( $variant = $name, )* }
        }

        impl BaseModel {
            /// Returns what is known beside the name, or `None` for a base model newer than this version.
            pub fn lineage(&self) -> Option<Lineage> {
                let (ecosystem, air_ecosystem, family, standing) = match self {
                    $( Self::$variant => ($ecosystem, $air, $family, Standing::$standing), )*
                    Self::Other(_) => return None,
                };
                let family = (!family.is_empty()).then_some(family);
                Some(Lineage { ecosystem, air_ecosystem, family, standing })
            }
        }
    };
}

impl BaseModel {
    /// Returns the ecosystem as resource names spell it; for an unknown base model its name in lower case.
    pub fn air_ecosystem(&self) -> String {
        self.lineage().map_or_else(
            || self.as_str().to_lowercase(),
            |lineage| lineage.air_ecosystem.to_owned(),
        )
    }

    /// Says whether two base models share an ecosystem; unknown ones do when their names are equal.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        match (self.lineage(), other.lineage()) {
            (Some(a), Some(b)) => a.ecosystem == b.ecosystem,
            _ => self == other,
        }
    }
}

base_models! {
    Anima = "Anima" in "Anima" air "anima" by "" Active,
    AuraFlow = "AuraFlow" in "AuraFlow" air "auraflow" by "" Active,
    Chroma = "Chroma" in "Chroma" air "chroma" by "" Active,
    CogVideoX = "CogVideoX" in "CogVideoX" air "cogvideox" by "" Active,
    Ernie = "Ernie" in "Ernie" air "ernie" by "Baidu" Active,
    Flux1S = "Flux.1 S" in "Flux1" air "flux1" by "Black Forest Labs" Active,
    Flux1D = "Flux.1 D" in "Flux1" air "flux1" by "Black Forest Labs" Active,
    Flux1Krea = "Flux.1 Krea" in "FluxKrea" air "fluxkrea" by "Black Forest Labs" Active,
    Flux1Kontext = "Flux.1 Kontext" in "Flux1Kontext" air "flux1kontext" by "Black Forest Labs" Active,
    Flux2D = "Flux.2 D" in "Flux2" air "flux2" by "Black Forest Labs" Active,
    Flux2Klein9B = "Flux.2 Klein 9B" in "Flux2Klein_9B" air "flux2" by "Black Forest Labs" Active,
    Flux2Klein9BBase = "Flux.2 Klein 9B-base" in "Flux2Klein_9B_base" air "flux2" by "Black Forest Labs" Active,
    Flux2Klein4B = "Flux.2 Klein 4B" in "Flux2Klein_4B" air "flux2" by "Black Forest Labs" Active,
    Flux2Klein4BBase = "Flux.2 Klein 4B-base" in "Flux2Klein_4B_base" air "flux2" by "Black Forest Labs" Active,
    Flux3Video = "Flux 3 Video" in "Flux3Video" air "flux3video" by "Black Forest Labs" Active,
    Grok = "Grok" in "Grok" air "grok" by "xAI" Active,
    HappyHorse = "HappyHorse" in "HappyHorse" air "happyhorse" by "Alibaba - Taotian" Active,
    HiDream = "HiDream" in "HiDream" air "hidream" by "HiDream" Active,
    HiDreamO1 = "HiDream-O1" in "HiDream-O1" air "hidream-o1" by "HiDream" Active,
    Hunyuan1 = "Hunyuan 1" in "HyDit1" air "hydit1" by "Tencent" Active,
    HunyuanVideo = "Hunyuan Video" in "HyV1" air "hyv1" by "Tencent" Active,
    Ideogram4_0 = "Ideogram 4.0" in "Ideogram" air "ideogram" by "Ideogram" Active,
    Boogu = "Boogu" in "Boogu" air "boogu" by "Boogu" Active,
    Illustrious = "Illustrious" in "Illustrious" air "sdxl" by "SDXL Community" Active,
    Imagen4 = "Imagen4" in "Imagen4" air "imagen4" by "Google" Hidden,
    Kolors = "Kolors" in "Kolors" air "kolors" by "" Active,
    Krea2 = "Krea 2" in "Krea2" air "krea2" by "Krea AI" Active,
    Ltxv = "LTXV" in "LTXV" air "ltxv" by "Lightricks" Active,
    Ltxv2 = "LTXV2" in "LTXV2" air "ltxv2" by "Lightricks" Active,
    Ltxv2_3 = "LTXV 2.3" in "LTXV23" air "ltxv23" by "Lightricks" Active,
    Lens = "Lens" in "Lens" air "lens" by "" Active,
    Lumina = "Lumina" in "Lumina" air "lumina" by "" Active,
    MageFlow = "MageFlow" in "MageFlow" air "mageflow" by "Microsoft" Active,
    Mai = "MAI" in "MAI" air "mai" by "Microsoft" Active,
    Mochi = "Mochi" in "Mochi" air "mochi" by "" Active,
    NanoBanana = "Nano Banana" in "NanoBanana" air "nanobanana" by "Google" Hidden,
    NoobAi = "NoobAI" in "NoobAI" air "sdxl" by "SDXL Community" Active,
    Odor = "ODOR" in "ODOR" air "odor" by "" Hidden,
    OpenAi = "OpenAI" in "OpenAI" air "openai" by "OpenAI" Hidden,
    Upscaler = "Upscaler" in "Upscaler" air "other" by "" Active,
    Miscellaneous = "Other" in "Other" air "other" by "" Active,
    PixArtA = "PixArt a" in "PixArtA" air "pixarta" by "PixArt" Active,
    PixArtE = "PixArt E" in "PixArtE" air "pixarte" by "PixArt" Active,
    PlaygroundV2 = "Playground v2" in "PlaygroundV2" air "playgroundv2" by "" Hidden,
    Pony = "Pony" in "Pony" air "sdxl" by "Pony Diffusion" Active,
    PonyV7 = "Pony V7" in "PonyV7" air "auraflow" by "Pony Diffusion" Active,
    Qwen = "Qwen" in "Qwen" air "qwen" by "Alibaba" Active,
    Qwen2 = "Qwen 2" in "Qwen2" air "qwen2" by "Alibaba" Active,
    Qwen3 = "Qwen 3" in "Qwen3" air "qwen3" by "Alibaba" Active,
    StableCascade = "Stable Cascade" in "SCascade" air "scascade" by "Stability AI" Hidden,
    Sd1_4 = "SD 1.4" in "SD1" air "sd1" by "Stability AI" Active,
    Sd1_5 = "SD 1.5" in "SD1" air "sd1" by "Stability AI" Active,
    Sd1_5Lcm = "SD 1.5 LCM" in "SD1" air "sd1" by "Stability AI" Active,
    Sd1_5Hyper = "SD 1.5 Hyper" in "SD1" air "sd1" by "Stability AI" Active,
    Sd2_0 = "SD 2.0" in "SD2" air "sd2" by "Stability AI" Active,
    Sd2_0_768 = "SD 2.0 768" in "SD2" air "sd2" by "Stability AI" Hidden,
    Sd2_1 = "SD 2.1" in "SD2" air "sd2" by "Stability AI" Active,
    Sd2_1_768 = "SD 2.1 768" in "SD2" air "sd2" by "Stability AI" Hidden,
    Sd2_1Unclip = "SD 2.1 Unclip" in "SD2" air "sd2" by "Stability AI" Hidden,
    Sd3 = "SD 3" in "SD3" air "sd3" by "Stability AI" Disabled,
    Sd3_5 = "SD 3.5" in "SD3" air "sd3" by "Stability AI" Disabled,
    Sd3_5Large = "SD 3.5 Large" in "SD3" air "sd3" by "Stability AI" Disabled,
    Sd3_5LargeTurbo = "SD 3.5 Large Turbo" in "SD3" air "sd3" by "Stability AI" Disabled,
    Sd3_5Medium = "SD 3.5 Medium" in "SD3_5M" air "sd3_5m" by "Stability AI" Disabled,
    Sdxl0_9 = "SDXL 0.9" in "SDXL" air "sdxl" by "Stability AI" Hidden,
    Sdxl1_0 = "SDXL 1.0" in "SDXL" air "sdxl" by "Stability AI" Active,
    Sdxl1_0Lcm = "SDXL 1.0 LCM" in "SDXL" air "sdxl" by "Stability AI" Hidden,
    SdxlLightning = "SDXL Lightning" in "SDXL" air "sdxl" by "Stability AI" Active,
    SdxlHyper = "SDXL Hyper" in "SDXL" air "sdxl" by "Stability AI" Active,
    SdxlTurbo = "SDXL Turbo" in "SDXL" air "sdxl" by "Stability AI" Disabled,
    SdxlDistilled = "SDXL Distilled" in "SDXLDistilled" air "sdxldistilled" by "Stability AI" Hidden,
    Reve = "Reve" in "Reve" air "reve" by "Reve AI" Active,
    Seedream = "Seedream" in "Seedream" air "seedream" by "ByteDance" Hidden,
    Svd = "SVD" in "SVD" air "svd" by "Stability AI" Disabled,
    SvdXt = "SVD XT" in "SVD" air "svd" by "Stability AI" Disabled,
    Sora2 = "Sora 2" in "Sora2" air "sora2" by "OpenAI" Hidden,
    Veo3 = "Veo 3" in "Veo3" air "veo3" by "Google" Hidden,
    WanVideo = "Wan Video" in "WanVideo" air "wanvideo" by "Alibaba" Hidden,
    WanVideo1_3Bt2v = "Wan Video 1.3B t2v" in "WanVideo1_3B_T2V" air "wanvideo1_3b_t2v" by "Alibaba" Active,
    WanVideo14Bt2v = "Wan Video 14B t2v" in "WanVideo14B_T2V" air "wanvideo14b_t2v" by "Alibaba" Active,
    WanVideo14Bi2v480p = "Wan Video 14B i2v 480p" in "WanVideo14B_I2V_480p" air "wanvideo14b_i2v_480p" by "Alibaba" Active,
    WanVideo14Bi2v720p = "Wan Video 14B i2v 720p" in "WanVideo14B_I2V_720p" air "wanvideo14b_i2v_720p" by "Alibaba" Active,
    WanVideo2_2Ti2V5B = "Wan Video 2.2 TI2V-5B" in "WanVideo-22-TI2V-5B" air "wanvideo-22-ti2v-5b" by "Alibaba" Active,
    WanVideo2_2I2Va14B = "Wan Video 2.2 I2V-A14B" in "WanVideo-22-I2V-A14B" air "wanvideo-22-i2v-a14b" by "Alibaba" Active,
    WanVideo2_2T2Va14B = "Wan Video 2.2 T2V-A14B" in "WanVideo-22-T2V-A14B" air "wanvideo-22-t2v-a14b" by "Alibaba" Active,
    WanVideo2_5T2V = "Wan Video 2.5 T2V" in "WanVideo-25-T2V" air "wanvideo-25-t2v" by "Alibaba" Active,
    WanVideo2_5I2V = "Wan Video 2.5 I2V" in "WanVideo-25-I2V" air "wanvideo-25-i2v" by "Alibaba" Active,
    WanImage2_7 = "Wan Image 2.7" in "WanImage27" air "wanimage27" by "Alibaba" Active,
    WanVideo2_7 = "Wan Video 2.7" in "WanVideo27" air "wanvideo27" by "Alibaba" Active,
    ZImageTurbo = "ZImageTurbo" in "ZImageTurbo" air "zimageturbo" by "Alibaba - Tongyi Lab" Active,
    ZImageBase = "ZImageBase" in "ZImageBase" air "zimagebase" by "Alibaba - Tongyi Lab" Active,
    ViduQ1 = "Vidu Q1" in "Vidu" air "vidu" by "ShengShu Technology" Hidden,
    MiniMaxH3 = "MiniMax H3" in "MiniMaxH3" air "minimaxh3" by "" Active,
    Kling = "Kling" in "Kling" air "kling" by "Kuaishou" Hidden,
    Seedance = "Seedance" in "Seedance" air "seedance" by "" Hidden,
    AceAudio = "ACE Audio" in "Ace" air "ace" by "" Active,
    PolyGen = "PolyGen" in "PolyGen" air "polygen" by "" Hidden,
    Tripo = "Tripo" in "Tripo" air "tripo" by "" Hidden,
    Hunyuan3D = "Hunyuan3D" in "Hunyuan3D" air "hunyuan3d" by "" Hidden,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_99_base_models_of_which_69_are_offered() {
        let all: Vec<BaseModel> = BaseModel::KNOWN
            .iter()
            .map(|name| BaseModel::from(*name))
            .collect();
        assert_eq!(all.len(), 99);
        let standing = |base: &BaseModel| base.lineage().map(|lineage| lineage.standing);
        assert_eq!(
            all.iter()
                .filter(|base| standing(base) == Some(Standing::Active))
                .count(),
            69
        );
        assert_eq!(
            all.iter()
                .filter(|base| standing(base) == Some(Standing::Disabled))
                .count(),
            8
        );
    }

    #[test]
    fn resource_names_use_the_root_of_the_ecosystem() {
        let air = |name: &str| BaseModel::from(name).air_ecosystem();
        for child in ["Pony", "Illustrious", "NoobAI", "SDXL 1.0"] {
            assert_eq!(air(child), "sdxl");
        }
        assert_eq!(air("Pony V7"), "auraflow");
        assert_eq!(air("Flux.2 Klein 4B-base"), "flux2");
        assert_eq!(air("SD 1.5"), "sd1");
        assert_eq!(air("Upscaler"), "other");
        assert_eq!(air("Brand New 9"), "brand new 9");
    }

    #[test]
    fn versions_of_one_ecosystem_work_together() {
        assert!(BaseModel::Sd1_5.is_compatible_with(&BaseModel::Sd1_4));
        assert!(!BaseModel::Sd1_5.is_compatible_with(&BaseModel::Sdxl1_0));
    }
}
