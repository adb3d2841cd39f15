"""Several senders and receivers that share a language: in every batch of games, one sender meets one receiver."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from learning_to_draw.models.agents import Agents, Meeting, check_meeting
from learning_to_draw.models.decoders.base import Decoder
from learning_to_draw.models.encoders.base import BackboneEncoder, Encoder


class Population(nn.Module):
    """Senders and receivers, of which any sender can play with any receiver.

    pairs: sender k with its own partner, receiver k % receivers; receiver k with its own partner, sender k % senders.
    Unless encoders are separate, sender k and receiver k are one agent with one encoder.
    """

    def __init__(self, pairs: Sequence[Agents], senders: int, receivers: int):
        """pairs: max(senders, receivers) pairs of the same architecture, which may share modules."""
        super().__init__()
        self.pairs: Sequence[Agents] = nn.ModuleList(pairs)  # type: ignore[assignment]
        self.senders, self.receivers = senders, receivers
        self._met: dict[Meeting, tuple[Agents]] = {}  # in tuples, so that nn.Module does not register them

    @property
    def meetings(self) -> tuple[Meeting, ...]:
        """Every sender with every receiver."""
        return all_meetings(self.senders, self.receivers)

    def own_partners(self, meeting: Meeting) -> bool:
        """Whether the two are a pair of `pairs`."""
        sender, receiver = meeting
        return sender % self.receivers == receiver or receiver % self.senders == sender

    def meeting(self, meeting: Meeting) -> Agents:
        """The pair of these two. Raises UsageError if there is no such agent."""
        if meeting not in self._met:
            check_meeting(meeting, self.senders, self.receivers)
            receiver = self.pairs[meeting.receiver]
            self._met[meeting] = (receiver.with_sender_of(self.pairs[meeting.sender]),)
        (agents,) = self._met[meeting]
        agents.training = self.training  # the modules in it follow the population; this flag is its own
        return agents

    def share_backbones(self) -> None:
        """Gives encoders with equal frozen backbones the same one: it takes memory once, and sees each picture once."""
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
    """Meetings in which every sender and every receiver takes part; other ones for the next number."""
    return tuple(Meeting(k % senders, (k + number) % receivers) for k in range(max(senders, receivers)))


def encoders_of(agents: Community) -> tuple[Encoder, ...]:
    """All encoders, each once, that of the first sender first."""
    encoders = [e for pair in agents.pairs for e in (pair.sender_encoder, pair.receiver_encoder)]
    return tuple(dict.fromkeys(encoders))


def decoders_of(agents: Community) -> tuple[Decoder, ...]:
    """The decoders of all senders, each once."""
    return tuple(dict.fromkeys(pair.decoder for pair in agents.pairs))
