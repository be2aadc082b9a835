"""The shortest program that fetches the one model of the site."""

import civitai_rs

civitai_rs.Library().get(1)
