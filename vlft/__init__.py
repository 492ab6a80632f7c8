"""vlft: fine-tune vision-language models with ms-swift from one YAML file."""

__version__ = "0.1.0"
