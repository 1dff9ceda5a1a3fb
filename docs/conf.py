"""Settings of the documentation site; `make docs` builds it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "docs"
sys.path.insert(0, str(HERE / "extensions"))
# Pages use the command of this environment, also if the environment is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

import code_state  # noqa: E402

import dendrosim  # noqa: E402

project = "dendrosim"
author = "The dendrosim developers"
copyright = author
version = release = dendrosim.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "generated_pages",
    "code_blocks",
]
exclude_patterns = ["extensions", "**.ipynb_checkpoints"]
# Formulas are MathML, which needs neither scripts nor a network.
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "dendrosim"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_sidebars = {"index": []}
html_theme_options = {
    "show_nav_level": 1,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "show_prev_next": False,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": [],
}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Tutorials and how-to pages are run while the site is built. What they showed is kept between builds.
nb_execution_mode = "cache"
nb_execution_cache_path = str(BUILD / "kept" / "notebooks" / code_state.code_state())
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
# Files that cells write do not belong to the site.
nb_execution_in_temp = True
nb_merge_streams = True
nb_output_stderr = "remove"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "code"
copybutton_exclude = ".linenos, .gp, .go"
