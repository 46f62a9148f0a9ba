"""The bundled trained model, and the story that `fpcheck demo` tells with it."""

from pathlib import Path

FOLDER = Path(__file__).parent
MODEL = FOLDER / "digits.keras"
TEST_IMAGES = FOLDER / "digits_test.npz"
PREPROCESS = "tf"
