//! The parts of the pages that ask a browser for a passkey: the button of the sign-in page, and the page of a person's
//! own passkeys. Only here is a script needed, and it is one and the same text, allowed by its digest; what differs
//! stands in attributes of its button. Where scripts do not run, the button is not shown and the rest works.

use identity::{Page, SecurityInfo, ShownPasskey};

use super::{escaped, form, message};

/// Asks the browser (`navigator.credentials`), writes the answer into the form and sends it.
pub(super) const SCRIPT: &str = "(()=>{const b=document.getElementById('passkey');if(!b||!window.PublicKeyCredential)return;\
const d=b.dataset,f=b.form,note=document.getElementById('passkey-note'),\
bytes=t=>Uint8Array.from(atob(t.replace(/-/g,'+').replace(/_/g,'/')),c=>c.charCodeAt(0)),\
text=x=>btoa(Array.from(new Uint8Array(x),c=>String.fromCharCode(c)).join('')).replace(/\\+/g,'-').replace(/\\//g,'_').replace(/=+$/,''),\
put=(n,x)=>{f.elements[n].value=x?text(x):''},type='public-key',userVerification='required',challenge=bytes(d.challenge);\
b.hidden=false;\
f.addEventListener('submit',e=>{e.preventDefault();b.click()});\
b.addEventListener('click',async()=>{note.hidden=true;if(!f.reportValidity())return;b.disabled=true;try{\
if(d.user){\
const known=d.known?d.known.split(' '):[];\
const c=await navigator.credentials.create({publicKey:{challenge,rp:{id:d.rp,name:'vedette'},\
user:{id:bytes(d.user),name:d.name,displayName:d.display},\
pubKeyCredParams:d.algorithms.split(' ').map(a=>({type,alg:Number(a)})),\
excludeCredentials:known.map(id=>({type,id:bytes(id)})),\
authenticatorSelection:{residentKey:'required',requireResidentKey:true,userVerification},attestation:'none',timeout:300000}});\
put('clientdata',c.response.clientDataJSON);put('attestation',c.response.attestationObject);\
}else{\
const c=await navigator.credentials.get({publicKey:{challenge,rpId:d.rp,userVerification,timeout:300000}});\
put('credential',c.rawId);put('clientdata',c.response.clientDataJSON);put('authenticatordata',c.response.authenticatorData);\
put('signature',c.response.signature);put('userhandle',c.response.userHandle);\
}f.submit()}catch(e){b.disabled=false;note.hidden=false;\
note.textContent=e.name==='InvalidStateError'?'This authenticator has a passkey for you already.':\
e.name==='NotAllowedError'?'The browser gave no passkey: none fits, or it was not allowed in time.':\
'The browser cannot do this here ('+e.name+': '+e.message+').'}})})()";

const NO_HOST: &str = "<p class=\"note\">Passkeys need a host name: open this server under its name, not its address.</p>";
const NOTE: &str = "<p class=\"wrong\" id=\"passkey-note\" role=\"alert\" hidden></p>";

/// A hidden field that the script fills.
fn fields(names: &[&str]) -> String {
    let field = |name: &&str| format!("<input type=\"hidden\" name=\"{name}\" value=\"\">");
    names.iter().map(field).collect()
}

/// The button that signs in, or why there is none.
pub(super) fn button(page: &Page, tenant: &str) -> String {
    let Some(question) = &page.passkey else { return NO_HOST.to_owned() };
    let names = ["credential", "clientdata", "authenticatordata", "signature", "userhandle"];
    let inside = format!(
        "{}<button type=\"button\" class=\"quiet\" id=\"passkey\" data-rp=\"{}\" data-challenge=\"{}\" hidden>Sign in with a passkey</button>{NOTE}",
        fields(&names),
        escaped(&question.rp_id),
        escaped(&question.challenge),
    );
    form(page, tenant, "passkey", "", &inside)
}

/// A person's passkeys, and the form that adds one.
pub(super) fn security_info(page: &Page, tenant: &str) -> String {
    let user = page.user.as_deref().map(escaped).unwrap_or_default();
    let Some(info) = &page.security_info else { return message(page) };
    let done = info.done.as_deref().map(escaped);
    let done = done.map(|d| format!("<p class=\"done\" role=\"status\">{d}</p>"));
    let list = match info.passkeys.is_empty() {
        true => "<p>No passkeys yet.</p>".to_owned(),
        false => {
            let items: String = info.passkeys.iter().map(|p| item(page, tenant, p)).collect();
            format!("<ul>{items}</ul>")
        }
    };
    format!(
        "<h1>Your passkeys</h1><p>{user}</p>{}{}{list}{}{}",
        message(page),
        done.unwrap_or_default(),
        add(page, tenant, info),
        form(page, tenant, "deny", "", "<button class=\"quiet\">Done</button>"),
    )
}

fn item(page: &Page, tenant: &str, passkey: &ShownPasskey) -> String {
    // of another host name of this server: it does not work under this one
    let here = page.passkey.as_ref().is_some_and(|q| q.rp_id == passkey.rp_id);
    let host = match here {
        true => String::new(),
        false => format!("for {}, ", escaped(&passkey.rp_id)),
    };
    let used = match &passkey.last_used {
        Some(day) => format!("last used {}", escaped(day)),
        None => "not used yet".to_owned(),
    };
    let name = escaped(&passkey.display_name);
    let remove = format!(
        "<input type=\"hidden\" name=\"id\" value=\"{}\"><button class=\"quiet\" aria-label=\"Remove {name}\">Remove</button>",
        escaped(&passkey.id)
    );
    format!(
        "<li><div><strong>{name}</strong><br><span class=\"note\">{host}added {}, {used}</span></div>{}</li>",
        escaped(&passkey.created),
        form(page, tenant, "removepasskey", "", &remove),
    )
}

fn add(page: &Page, tenant: &str, info: &SecurityInfo) -> String {
    let Some(question) = &page.passkey else { return NO_HOST.to_owned() };
    let known: Vec<&str> = info.passkeys.iter().map(|p| p.credential_id.as_str()).collect();
    let algorithms: Vec<String> = info.algorithms.iter().map(i16::to_string).collect();
    let inside = format!(
        "{}<label for=\"n\">Name of a new passkey</label>\
         <input id=\"n\" name=\"name\" maxlength=\"64\" placeholder=\"my laptop\" autocomplete=\"off\" required>\
         <button type=\"button\" id=\"passkey\" data-rp=\"{}\" data-challenge=\"{}\" data-user=\"{}\" data-name=\"{}\" data-display=\"{}\" data-algorithms=\"{}\" data-known=\"{}\" hidden>Add a passkey</button>{NOTE}\
         <noscript><p class=\"note\">Adding a passkey needs JavaScript.</p></noscript>",
        fields(&["clientdata", "attestation"]),
        escaped(&question.rp_id),
        escaped(&question.challenge),
        escaped(&info.handle),
        page.user.as_deref().map(escaped).unwrap_or_default(),
        escaped(&info.display_name),
        algorithms.join(" "),
        escaped(&known.join(" ")),
    );
    form(page, tenant, "addpasskey", "", &inside)
}
