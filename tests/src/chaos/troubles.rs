//! What goes wrong in a run, and for how long.

use anyhow::Result;
use rolarr::{domain::GuildId, pipeline::ports::GatewayNews, store::Impediment};

use super::{driver::Run, faults, plan::Happening};

impl Run {
    pub(super) async fn trouble(&mut self, trouble: Happening) -> Result<()> {
        let (now, guild) = (self.stage.now(), self.stage.scene.guild);
        match trouble {
            Happening::Deaf(seconds) => self.troubles.deaf = now + seconds * 1_000,
            Happening::Unavailable(seconds) => {
                self.stage.on_discord().set_available(now, guild, false)?;
                self.troubles.unavailable = now + seconds * 1_000;
                self.news(GatewayNews::GuildUnavailable(GuildId(guild.0))).await;
            }
            Happening::Kicked(seconds) if self.troubles.kicked == 0 => {
                self.stage.on_discord().kick_bot(now, guild)?;
                self.troubles.kicked = now + seconds * 1_000;
                self.news(GatewayNews::GuildGone(GuildId(guild.0))).await;
            }
            Happening::AtPlex => {
                let now = self.stage.now();
                let (name, fault) = faults::at_plex(&mut self.rng, now, faults::LATE);
                self.report.drawn(name);
                self.stage.at_plex().fault(fault);
            }
            Happening::PlexOutage(seconds) => {
                let fault = faults::plex_outage(&mut self.rng);
                self.stage.at_plex().fault(fault);
                self.troubles.plex_out = now + seconds * 1_000;
            }
            Happening::OnDiscord => {
                let refuses = self.rng.u8(0..5) == 0;
                let kind = if refuses { faults::discord_refuses } else { faults::on_discord };
                let fault = kind(&mut self.rng);
                self.stage.on_discord().fail_requests(fault);
            }
            Happening::DiscordOutage(seconds) => {
                let fault = faults::discord_outage(&mut self.rng);
                self.stage.on_discord().fail_requests(fault);
                self.troubles.discord_out = now + seconds * 1_000;
            }
            Happening::DiskFull(seconds) if self.stage.runs() => {
                let how = if self.rng.bool() { Impediment::Full } else { Impediment::ReadOnly };
                self.stage.impede(how).await?;
                self.troubles.disk_full = now + seconds * 1_000;
            }
            Happening::Kill(kill) => self.doom(kill),
            _ => {}
        }
        Ok(())
    }
}
