"""The bundled trained model, and the demonstration with it that `fpcheck demo` runs."""

from pathlib import Path

FOLDER = Path(__file__).parent
MODEL = FOLDER / "digits.keras"
TEST_IMAGES = FOLDER / "digits_test.npz"
PREPROCESS = "tf"
