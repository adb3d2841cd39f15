"""Encoders, decoders and receivers by command-line name. Classes are imported when built: `--help` loads no torch."""

from learning_to_draw.components import Component
from learning_to_draw.models.config import ReceiverConfig
from learning_to_draw.models.decoders import config as decoders
from learning_to_draw.models.encoders import config as encoders

ENCODERS = {
    "VGG16BackboneExtended": Component(encoders.VGG16ExtendedConfig, "models.encoders.vgg16:VGG16BackboneExtended"),
    "VGG16Backbone": Component(encoders.VGG16Config, "models.encoders.vgg16:VGG16Backbone"),
    "ResNet50Backbone": Component(encoders.ResNet50Config, "models.encoders.resnet50:ResNet50Backbone"),
    "CLIPVisualEncoder": Component(encoders.CLIPVisualConfig, "models.encoders.clip_visual:CLIPVisualEncoder"),
    "SqueezeNetBackbone": Component(encoders.SqueezeNetConfig, "models.encoders.squeezenet:SqueezeNetBackbone"),
    "SmallCNNEncoder": Component(encoders.EncoderConfig, "models.encoders.small:SmallCNNEncoder"),
    "BetterCNNEncoder": Component(encoders.EncoderConfig, "models.encoders.small:BetterCNNEncoder"),
    "SimpleCNNEncoder": Component(encoders.EncoderConfig, "models.encoders.small:SimpleCNNEncoder"),
    "SimpleMLPEncoder": Component(encoders.SimpleMLPConfig, "models.encoders.small:SimpleMLPEncoder"),
    "Conv2DEncoder": Component(encoders.Conv2DConfig, "models.encoders.small:Conv2DEncoder"),
    "StrokeNetEncoder": Component(encoders.StrokeNetConfig, "models.encoders.small:StrokeNetEncoder"),
}

SINGLE_PASS, CONNECT, RECURRENT = (f"models.decoders.{module}" for module in ("single_pass", "connect", "recurrent"))

DECODERS = {
    "SinglePassSimpleLineDecoder": Component(decoders.LineConfig, f"{SINGLE_PASS}:SinglePassSimpleLineDecoder"),
    "SinglePassColouredLineDecoder": Component(decoders.LineConfig, f"{SINGLE_PASS}:SinglePassColouredLineDecoder"),
    "SinglePassPointsDecoder": Component(decoders.PointConfig, f"{SINGLE_PASS}:SinglePassPointsDecoder"),
    "SinglePassColouredPointsDecoder": Component(
        decoders.PointConfig, f"{SINGLE_PASS}:SinglePassColouredPointsDecoder"
    ),
    "SinglePassPolyLineDecoder": Component(decoders.PolyLineConfig, f"{SINGLE_PASS}:SinglePassPolyLineDecoder"),
    "SinglePassCRSDecoder": Component(decoders.SplineConfig, f"{SINGLE_PASS}:SinglePassCRSDecoder"),
    "SinglePassColouredCRSDecoder": Component(decoders.SplineConfig, f"{SINGLE_PASS}:SinglePassColouredCRSDecoder"),
    "SinglePassSimpleBezierDecoder": Component(decoders.BezierConfig, f"{SINGLE_PASS}:SinglePassSimpleBezierDecoder"),
    "SinglePassPolyConnectDecoder": Component(decoders.ConnectConfig, f"{CONNECT}:SinglePassPolyConnectDecoder"),
    "SinglePassBezierConnectDecoder": Component(decoders.ConnectConfig, f"{CONNECT}:SinglePassBezierConnectDecoder"),
    "RecurrentSimpleLineDecoder": Component(decoders.RecurrentLineConfig, f"{RECURRENT}:RecurrentSimpleLineDecoder"),
    "RecurrentPolyLineDecoder": Component(decoders.RecurrentPolyLineConfig, f"{RECURRENT}:RecurrentPolyLineDecoder"),
    "RecurrentPolyConnectDecoder": Component(
        decoders.RecurrentConnectConfig, f"{RECURRENT}:RecurrentPolyConnectDecoder"
    ),
    "RecurrentCRSDecoder": Component(decoders.RecurrentSplineConfig, f"{RECURRENT}:RecurrentCRSDecoder"),
    "RNNBezierDecoder": Component(decoders.RNNConfig, f"{RECURRENT}:RNNBezierDecoder"),
    "RNNAttnBezierDecoder": Component(decoders.AttentionRNNConfig, f"{RECURRENT}:RNNAttnBezierDecoder"),
}

RECEIVERS = {
    "SimpleReceiverMLP": Component(ReceiverConfig, "models.receivers:SimpleReceiverMLP"),
}
