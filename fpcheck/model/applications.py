"""The models of keras.applications and their preprocessing, as data that needs no import."""

# By the mode of their own preprocess_input; "none" for models that rescale their input.
_BY_MODE = {
    "caffe": "ResNet50 ResNet101 ResNet152 VGG16 VGG19",
    "none": "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge EfficientNetB0 "
    "EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 "
    "EfficientNetB7 EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 "
    "EfficientNetV2S EfficientNetV2M EfficientNetV2L MobileNetV3Small MobileNetV3Large",
    "tf": "InceptionV3 InceptionResNetV2 MobileNet MobileNetV2 NASNetMobile NASNetLarge ResNet50V2 "
    "ResNet101V2 ResNet152V2 Xception",
    "torch": "DenseNet121 DenseNet169 DenseNet201",
}
APPLICATIONS = {name: mode for mode, names in _BY_MODE.items() for name in names.split()}
