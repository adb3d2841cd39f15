"""Several senders and receivers that share a language: in every training batch, one sender plays with one receiver."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from learning_to_draw.models.agents import Agents, Meeting, check_meeting
from learning_to_draw.models.decoders.base import Decoder
from learning_to_draw.models.encoders.base import BackboneEncoder, Encoder


class Population(nn.Module):
    """Senders and receivers; any sender can play with any receiver.

    pairs: the pairs of own partners; pair k is sender k % senders with receiver k % receivers.
    Unless encoders are separate, sender k and receiver k are one agent with one encoder.
    """

    def __init__(self, pairs: Sequence[Agents], senders: int, receivers: int):
        """pairs: max(senders, receivers) pairs, which may share modules.

        All senders draw the same number of strokes, of the same kind; their encoders may differ.
        """
        super().__init__()
        self.pairs: Sequence[Agents] = nn.ModuleList(pairs)  # type: ignore[assignment]
        self.senders, self.receivers = senders, receivers
        self._met: dict[Meeting, tuple[Agents]] = {}  # in tuples, so that nn.Module does not register them

    @property
    def meetings(self) -> tuple[Meeting, ...]:
        """Every sender with every receiver."""
        return all_meetings(self.senders, self.receivers)

    def own_partners(self, meeting: Meeting) -> bool:
        """Whether `pairs` has this sender with this receiver."""
        sender, receiver = meeting
        return sender % self.receivers == receiver or receiver % self.senders == sender

    def meeting(self, meeting: Meeting) -> Agents:
        """The pair of the sender and the receiver that meet. Raises UsageError if one of them does not exist."""
        if meeting not in self._met:
            check_meeting(meeting, self.senders, self.receivers)
            receiver = self.pairs[meeting.receiver]
            self._met[meeting] = (receiver.with_sender_of(self.pairs[meeting.sender]),)
        (agents,) = self._met[meeting]
        agents.training = self.training  # train() and eval() do not reach this unregistered pair
        return agents

    def share_backbones(self) -> None:
        """Gives encoders with equal frozen backbones one shared backbone, which saves memory and repeated passes."""
        distinct: list[BackboneEncoder] = []
        for encoder in (encoder for encoder in encoders_of(self) if isinstance(encoder, BackboneEncoder)):
            for other in distinct:
                encoder.share_backbone(other)
            if all(encoder.backbone is not other.backbone for other in distinct):
                distinct.append(encoder)


Community = Agents | Population  # the agents of a run: one pair, or more


def all_meetings(senders: int, receivers: int) -> tuple[Meeting, ...]:
    """Every sender with every receiver, sender by sender."""
    return tuple(Meeting(k, j) for k in range(senders) for j in range(receivers))


def in_turn(number: int, senders: int, receivers: int) -> tuple[Meeting, ...]:
    """Meetings for batch `number` of `RecalibrateBatchNorm`.

    Every sender and every receiver plays each batch, and partners change after each batch.
    """
    return tuple(Meeting(k % senders, (k + number) % receivers) for k in range(max(senders, receivers)))


def encoders_of(agents: Community) -> tuple[Encoder, ...]:
    """The encoders of all senders and receivers, each once; the first is that of sender 0."""
    encoders = [e for pair in agents.pairs for e in (pair.sender_encoder, pair.receiver_encoder)]
    return tuple(dict.fromkeys(encoders))


def decoders_of(agents: Community) -> tuple[Decoder, ...]:
    """The decoders of all senders, each once."""
    return tuple(dict.fromkeys(pair.decoder for pair in agents.pairs))
